// Go: `go_peer WORKLOAD THREADS [numbers]`. Prints one line RESULT, as all programs of the comparison.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func rss() int {
	f, _ := os.Open("/proc/self/status")
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if strings.HasPrefix(s.Text(), "VmHWM:") {
			v, _ := strconv.Atoi(strings.Fields(s.Text())[1])
			return v
		}
	}
	return 0
}

type barrier struct {
	m   sync.Mutex
	c   *sync.Cond
	n   int
	cnt int
	gen int
}

func (b *barrier) wait() {
	b.m.Lock()
	g := b.gen
	b.cnt++
	if b.cnt == b.n {
		b.cnt = 0
		b.gen++
		b.c.Broadcast()
	} else {
		for g == b.gen {
			b.c.Wait()
		}
	}
	b.m.Unlock()
}

func main() {
	w := os.Args[1]
	t, _ := strconv.Atoi(os.Args[2])
	runtime.GOMAXPROCS(t)
	arg := func(i, d int) int {
		if len(os.Args) > 3+i {
			v, _ := strconv.Atoi(os.Args[3+i])
			return v
		}
		return d
	}
	report := func(w string, ops int, d time.Duration) {
		fmt.Printf("RESULT w=%s t=%d ops=%d ns=%.2f wall_us=%d rss_kib=%d\n", w, t, ops, float64(d.Nanoseconds())/float64(ops), d.Microseconds(), rss())
	}
	switch w {
	case "mutex_unc":
		n := arg(0, 20000000)
		var m sync.Mutex
		x := 0
		s := time.Now()
		for i := 0; i < n; i++ {
			m.Lock()
			x++
			m.Unlock()
		}
		report(w, n, time.Since(s))
	case "mutex_cont", "mutex_hold":
		tasks, k := arg(0, 1000), arg(1, 1000)
		hold := w == "mutex_hold"
		var m sync.Mutex
		x := 0
		var wg sync.WaitGroup
		wg.Add(tasks)
		s := time.Now()
		for i := 0; i < tasks; i++ {
			go func() {
				for j := 0; j < k; j++ {
					m.Lock()
					x++
					if hold {
						runtime.Gosched()
					}
					m.Unlock()
				}
				wg.Done()
			}()
		}
		wg.Wait()
		d := time.Since(s)
		if x != tasks*k {
			panic("bad")
		}
		report(w, tasks*k, d)
	case "sem":
		tasks, k, p := arg(0, 1000), arg(1, 1000), arg(2, 10)
		sem := make(chan struct{}, p)
		var wg sync.WaitGroup
		wg.Add(tasks)
		s := time.Now()
		for i := 0; i < tasks; i++ {
			go func() {
				for j := 0; j < k; j++ {
					sem <- struct{}{}
					runtime.Gosched()
					<-sem
				}
				wg.Done()
			}()
		}
		wg.Wait()
		report(w, tasks*k, time.Since(s))
	case "yield":
		tasks, k := arg(0, 1000), arg(1, 1000)
		var wg sync.WaitGroup
		wg.Add(tasks)
		s := time.Now()
		for i := 0; i < tasks; i++ {
			go func() {
				for j := 0; j < k; j++ {
					runtime.Gosched()
				}
				wg.Done()
			}()
		}
		wg.Wait()
		report(w, tasks*k, time.Since(s))
	case "bcast": // closed channel as event
		n := arg(0, 100000)
		ev := make(chan struct{})
		var cnt int64
		var wg sync.WaitGroup
		wg.Add(n)
		for i := 0; i < n; i++ {
			go func() { atomic.AddInt64(&cnt, 1); <-ev; wg.Done() }()
		}
		for atomic.LoadInt64(&cnt) != int64(n) {
			runtime.Gosched()
		}
		time.Sleep(20 * time.Millisecond)
		s := time.Now()
		close(ev)
		wg.Wait()
		report(w, n, time.Since(s))
	case "pp_chan", "pp_cross":
		n := arg(0, 1000000)
		a, b := make(chan int), make(chan int)
		lock := w == "pp_cross"
		var wg sync.WaitGroup
		wg.Add(2)
		s := time.Now()
		go func() {
			if lock {
				runtime.LockOSThread()
			}
			for i := 0; i < n; i++ {
				b <- <-a
			}
			wg.Done()
		}()
		go func() {
			if lock {
				runtime.LockOSThread()
			}
			for i := 0; i < n; i++ {
				a <- i
				<-b
			}
			wg.Done()
		}()
		wg.Wait()
		report(w, n, time.Since(s))
	case "barrier":
		tasks, k := arg(0, 100), arg(1, 10000)
		b := &barrier{n: tasks}
		b.c = sync.NewCond(&b.m)
		var wg sync.WaitGroup
		wg.Add(tasks)
		s := time.Now()
		for i := 0; i < tasks; i++ {
			go func() {
				for j := 0; j < k; j++ {
					b.wait()
				}
				wg.Done()
			}()
		}
		wg.Wait()
		report(w, tasks*k, time.Since(s))
	case "await_seq":
		n := arg(0, 1000000)
		sum := 0
		ch := make(chan int, 1)
		s := time.Now()
		for i := 0; i < n; i++ {
			go func(i int) { ch <- i }(i)
			sum += <-ch
		}
		report(w, n, time.Since(s))
	case "spawn_all":
		n := arg(0, 1000000)
		res := make([]int, n)
		var wg sync.WaitGroup
		s := time.Now()
		wg.Add(n)
		for i := 0; i < n; i++ {
			go func(i int) { res[i] = i; wg.Done() }(i)
		}
		wg.Wait()
		sum := 0
		for _, v := range res {
			sum += v
		}
		d := time.Since(s)
		if sum != n*(n-1)/2 {
			panic("bad")
		}
		report(w, n, d)
	case "sleepers":
		n, ms := arg(0, 1000000), arg(1, 1000)
		var wg sync.WaitGroup
		wg.Add(n)
		s := time.Now()
		for i := 0; i < n; i++ {
			go func() { time.Sleep(time.Duration(ms) * time.Millisecond); wg.Done() }()
		}
		sp := time.Since(s)
		wg.Wait()
		d := time.Since(s)
		fmt.Printf("spawn_us=%d ", sp.Microseconds())
		report(w, n, d)
	case "chan":
		p, c, n, capn := arg(0, 1), arg(1, 1), arg(2, 10000000), arg(3, 1024)
		ch := make(chan int, capn)
		per := n / p
		var wp, wc sync.WaitGroup
		wp.Add(p)
		wc.Add(c)
		var sum int64
		s := time.Now()
		for j := 0; j < p; j++ {
			go func(j int) {
				for i := 0; i < per; i++ {
					ch <- j*per + i
				}
				wp.Done()
			}(j)
		}
		for j := 0; j < c; j++ {
			go func() {
				x := 0
				for v := range ch {
					x += v
				}
				atomic.AddInt64(&sum, int64(x))
				wc.Done()
			}()
		}
		wp.Wait()
		close(ch)
		wc.Wait()
		d := time.Since(s)
		if int(sum) != n*(n-1)/2 {
			panic("bad sum")
		}
		report(fmt.Sprintf("chan%d_%dp%dc", capn, p, c), n, d)
	case "echo":
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", arg(0, 9000)))
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, "listening")
		for {
			c, err := l.Accept()
			if err != nil {
				panic(err)
			}
			go func() {
				buf := make([]byte, 16384)
				for {
					n, err := c.Read(buf)
					if err != nil {
						c.Close()
						return
					}
					_, err = c.Write(buf[:n])
					if err != nil {
						c.Close()
						return
					}
				}
			}()
		}
	default:
		fmt.Fprintln(os.Stderr, "unknown workload", w)
		os.Exit(2)
	}
}
