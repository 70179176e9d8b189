// Tokio, and async-channel on Tokio: `tokio_peer WORKLOAD THREADS [numbers]`, with 0 threads the current-thread runtime.
// Prints one line: RESULT w=.. t=.. ops=.. ns=<per op> wall_us=.. rss_kib=..
mod channels;

use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::*;

fn rss() -> u64 {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    for l in s.lines() {
        if l.starts_with("VmHWM:") {
            return l.split_whitespace().nth(1).unwrap().parse().unwrap();
        }
    }
    0
}
fn report(w: &str, t: usize, ops: u64, d: Duration) {
    println!(
        "RESULT w={} t={} ops={} ns={:.2} wall_us={} rss_kib={}",
        w,
        t,
        ops,
        d.as_nanos() as f64 / ops as f64,
        d.as_micros(),
        rss()
    );
}

async fn run(w: &str, t: usize, a: &[u64]) {
    let arg = |i: usize, d: u64| a.get(i).copied().unwrap_or(d);
    match w {
        "mutex_unc" => {
            let n = arg(0, 20_000_000);
            let m = Mutex::new(0u64);
            let s = Instant::now();
            for _ in 0..n {
                *m.lock().await += 1;
            }
            let d = s.elapsed();
            assert_eq!(*m.lock().await, n);
            report(w, t, n, d);
        }
        "mutex_cont" | "mutex_hold" => {
            let (tasks, k) = (arg(0, 1000), arg(1, 1000));
            let hold = w == "mutex_hold";
            let m = Arc::new(Mutex::new(0u64));
            let s = Instant::now();
            let hs: Vec<_> = (0..tasks)
                .map(|_| {
                    let m = m.clone();
                    tokio::spawn(async move {
                        for _ in 0..k {
                            let mut g = m.lock().await;
                            *g += 1;
                            if hold {
                                tokio::task::yield_now().await;
                            }
                            drop(g);
                        }
                    })
                })
                .collect();
            for h in hs {
                h.await.unwrap();
            }
            let d = s.elapsed();
            assert_eq!(*m.lock().await, tasks * k);
            report(w, t, tasks * k, d);
        }
        "sem" => {
            let (tasks, k, p) = (arg(0, 1000), arg(1, 1000), arg(2, 10));
            let m = Arc::new(Semaphore::new(p as usize));
            let s = Instant::now();
            let hs: Vec<_> = (0..tasks)
                .map(|_| {
                    let m = m.clone();
                    tokio::spawn(async move {
                        for _ in 0..k {
                            let _g = m.acquire().await.unwrap();
                            tokio::task::yield_now().await;
                        }
                    })
                })
                .collect();
            for h in hs {
                h.await.unwrap();
            }
            report(w, t, tasks * k, s.elapsed());
        }
        "yield" => {
            let (tasks, k) = (arg(0, 1000), arg(1, 1000));
            let s = Instant::now();
            let hs: Vec<_> = (0..tasks)
                .map(|_| {
                    tokio::spawn(async move {
                        for _ in 0..k {
                            tokio::task::yield_now().await;
                        }
                    })
                })
                .collect();
            for h in hs {
                h.await.unwrap();
            }
            report(w, t, tasks * k, s.elapsed());
        }
        "bcast" => {
            let n = arg(0, 100_000);
            let ev = Arc::new(Notify::new());
            let waiting = Arc::new(AtomicUsize::new(0));
            let mut hs = Vec::with_capacity(n as usize);
            for _ in 0..n {
                let (ev, wt) = (ev.clone(), waiting.clone());
                hs.push(tokio::spawn(async move {
                    let f = ev.notified();
                    tokio::pin!(f);
                    f.as_mut().enable();
                    wt.fetch_add(1, SeqCst);
                    f.await;
                }));
            }
            while waiting.load(SeqCst) != n as usize {
                tokio::task::yield_now().await;
            }
            // let the last ones suspend
            tokio::time::sleep(Duration::from_millis(20)).await;
            let s = Instant::now();
            ev.notify_waiters();
            for h in hs {
                h.await.unwrap();
            }
            report(w, t, n, s.elapsed());
        }
        "pp_notify" => {
            let n = arg(0, 1_000_000);
            let (e1, e2) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let s = Instant::now();
            let (a1, a2) = (e1.clone(), e2.clone());
            let h = tokio::spawn(async move {
                for _ in 0..n {
                    a1.notified().await;
                    a2.notify_one();
                }
            });
            let h2 = tokio::spawn(async move {
                for _ in 0..n {
                    e1.notify_one();
                    e2.notified().await;
                }
            });
            h.await.unwrap();
            h2.await.unwrap();
            report(w, t, n, s.elapsed());
        }
        "pp_chan" => {
            let n = arg(0, 1_000_000);
            let (s1, mut r1) = mpsc::channel::<u64>(1);
            let (s2, mut r2) = mpsc::channel::<u64>(1);
            let s = Instant::now();
            let h = tokio::spawn(async move {
                for _ in 0..n {
                    let v = r1.recv().await.unwrap();
                    s2.send(v).await.unwrap();
                }
            });
            let h2 = tokio::spawn(async move {
                for i in 0..n {
                    s1.send(i).await.unwrap();
                    r2.recv().await.unwrap();
                }
            });
            h.await.unwrap();
            h2.await.unwrap();
            report(w, t, n, s.elapsed());
        }
        "pp_cross" => {
            // two current_thread runtimes on two threads: always across threads
            let n = arg(0, 200_000);
            let (e1, e2) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (a1, a2) = (e1.clone(), e2.clone());
            let s = Instant::now();
            let th = std::thread::spawn(move || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(async move {
                        for _ in 0..n {
                            a1.notified().await;
                            a2.notify_one();
                        }
                    })
            });
            let th2 = std::thread::spawn(move || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(async move {
                        for _ in 0..n {
                            e1.notify_one();
                            e2.notified().await;
                        }
                    })
            });
            th.join().unwrap();
            th2.join().unwrap();
            report(w, t, n, s.elapsed());
        }
        "barrier" => {
            let (tasks, k) = (arg(0, 100), arg(1, 10_000));
            let b = Arc::new(Barrier::new(tasks as usize));
            let s = Instant::now();
            let hs: Vec<_> = (0..tasks)
                .map(|_| {
                    let b = b.clone();
                    tokio::spawn(async move {
                        for _ in 0..k {
                            b.wait().await;
                        }
                    })
                })
                .collect();
            for h in hs {
                h.await.unwrap();
            }
            report(w, t, tasks * k, s.elapsed());
        }
        "await_seq" => {
            let n = arg(0, 1_000_000);
            let mut sum = 0u64;
            let s = Instant::now();
            for i in 0..n {
                sum += tokio::spawn(async move { i }).await.unwrap();
            }
            let d = s.elapsed();
            assert_eq!(sum, n * (n - 1) / 2);
            report(w, t, n, d);
        }
        "spawn_all" => {
            let n = arg(0, 1_000_000);
            let mut sum = 0u64;
            let s = Instant::now();
            let hs: Vec<_> = (0..n).map(|i| tokio::spawn(async move { i })).collect();
            for h in hs {
                sum += h.await.unwrap();
            }
            let d = s.elapsed();
            assert_eq!(sum, n * (n - 1) / 2);
            report(w, t, n, d);
        }
        "sleepers" => {
            let n = arg(0, 1_000_000);
            let ms = arg(1, 1000);
            let s = Instant::now();
            let hs: Vec<_> = (0..n)
                .map(|_| tokio::spawn(async move { tokio::time::sleep(Duration::from_millis(ms)).await }))
                .collect();
            let sp = s.elapsed();
            for h in hs {
                h.await.unwrap();
            }
            let d = s.elapsed();
            print!("spawn_us={} ", sp.as_micros());
            report(w, t, n, d);
        }
        "chan_b" | "chan_u" | "achan_b" | "achan_u" => channels::run(w, t, a).await,
        "echo" => {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let l = tokio::net::TcpListener::bind(("127.0.0.1", arg(0, 9000) as u16))
                .await
                .unwrap();
            eprintln!("listening");
            loop {
                let (mut s, _) = l.accept().await.unwrap();
                s.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    let mut buf = vec![0u8; 16384];
                    loop {
                        let n = match s.read(&mut buf).await {
                            Ok(0) | Err(_) => return,
                            Ok(n) => n,
                        };
                        if s.write_all(&buf[..n]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        }
        _ => {
            eprintln!("unknown workload {}", w);
            std::process::exit(2);
        }
    }
}

fn main() {
    let av: Vec<String> = std::env::args().collect();
    let w = av[1].clone();
    let t: usize = av[2].parse().unwrap();
    let a: Vec<u64> = av[3..].iter().map(|x| x.parse().unwrap()).collect();
    let rt = if t == 0 {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    } else {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(t)
            .enable_all()
            .build()
            .unwrap()
    };
    // run the driver inside a worker, not on the blocked main thread
    rt.block_on(async move { tokio::spawn(async move { run(&w, t, &a).await }).await.unwrap() });
}
