// P producers and one or C consumers of n numbers, through Tokio's mpsc or through async-channel.
// Numbers: producers, [consumers of achan_*,] n, capacity of the bounded ones.
use crate::report;
use std::time::Instant;
use tokio::sync::mpsc;

pub async fn run(w: &str, t: usize, a: &[u64]) {
    let arg = |i: usize, d: u64| a.get(i).copied().unwrap_or(d);
    match w {
        "chan_b" | "chan_u" => {
            let (p, n, cap) = (arg(0, 1), arg(1, 10_000_000), arg(2, 1024));
            let s = Instant::now();
            let mut sum = 0u64;
            let mut hs = vec![];
            let per = n / p;
            if w == "chan_b" {
                let (tx, mut rx) = mpsc::channel::<u64>(cap as usize);
                for j in 0..p {
                    let tx = tx.clone();
                    hs.push(tokio::spawn(async move {
                        for i in 0..per {
                            tx.send(j * per + i).await.unwrap();
                        }
                    }));
                }
                drop(tx);
                let c = tokio::spawn(async move {
                    let mut x = 0u64;
                    while let Some(v) = rx.recv().await {
                        x += v;
                    }
                    x
                });
                sum += c.await.unwrap();
            } else {
                let (tx, mut rx) = mpsc::unbounded_channel::<u64>();
                for j in 0..p {
                    let tx = tx.clone();
                    hs.push(tokio::spawn(async move {
                        for i in 0..per {
                            tx.send(j * per + i).unwrap();
                        }
                    }));
                }
                drop(tx);
                let c = tokio::spawn(async move {
                    let mut x = 0u64;
                    while let Some(v) = rx.recv().await {
                        x += v;
                    }
                    x
                });
                sum += c.await.unwrap();
            }
            for h in hs {
                h.await.unwrap();
            }
            let d = s.elapsed();
            assert_eq!(sum, n * (n - 1) / 2);
            report(&format!("{}_{}p1c", w, p), t, n, d);
        }
        _ => {
            // async-channel MPMC on tokio, p producers, c consumers
            let (p, c, n, cap) = (arg(0, 4), arg(1, 4), arg(2, 10_000_000), arg(3, 1024));
            let (tx, rx) = if w == "achan_b" {
                async_channel::bounded::<u64>(cap as usize)
            } else {
                async_channel::unbounded::<u64>()
            };
            let s = Instant::now();
            let per = n / p;
            let mut hs = vec![];
            let mut cs = vec![];
            for j in 0..p {
                let tx = tx.clone();
                hs.push(tokio::spawn(async move {
                    for i in 0..per {
                        tx.send(j * per + i).await.unwrap();
                    }
                }));
            }
            drop(tx);
            for _ in 0..c {
                let rx = rx.clone();
                cs.push(tokio::spawn(async move {
                    let mut x = 0u64;
                    while let Ok(v) = rx.recv().await {
                        x += v;
                    }
                    x
                }));
            }
            drop(rx);
            let mut sum = 0;
            for h in cs {
                sum += h.await.unwrap();
            }
            for h in hs {
                h.await.unwrap();
            }
            let d = s.elapsed();
            assert_eq!(sum, n * (n - 1) / 2);
            report(&format!("{}_{}p{}c", w, p, c), t, n, d);
        }
    }
}
