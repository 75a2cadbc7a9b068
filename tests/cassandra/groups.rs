//! What goes over the wire: which kind of CQL batch a statement group is.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::common::{TestKeyspace, explain, host, number, run, session_at};

/// Of the binary protocol of CQL, version 4.
const HEADER_BYTES: usize = 9;
const OPCODE_OF_BATCH: u8 = 0x0d;
const LOGGED: u8 = 0;
const UNLOGGED: u8 = 1;
const COUNTER: u8 = 2;

/// A way to the real server on which CQL batches are counted.
struct Wire {
    address: String,
    /// Kind and number of statements of each.
    batches: Arc<Mutex<Vec<(u8, u16)>>>,
    _task: JoinSet<()>,
}

impl Wire {
    /// The driver takes a node's address from the node, and the port from where it connects first. So this is another port of the
    /// same address.
    async fn to(host: &str) -> Self {
        let server: SocketAddr = host.parse().unwrap_or_else(|_| format!("{host}:9042").parse().unwrap());
        let listener = TcpListener::bind((server.ip(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let batches: Arc<Mutex<Vec<(u8, u16)>>> = Arc::default();
        let mut task = JoinSet::new();
        task.spawn({
            let batches = Arc::clone(&batches);
            async move {
                let mut connections = JoinSet::new();
                loop {
                    let (client, _) = listener.accept().await.unwrap();
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
                    connections.spawn(async move { drop(copy(&mut from_server, &mut to_client).await) });
                    let batches = Arc::clone(&batches);
                    connections.spawn(async move {
                        let mut header = [0; HEADER_BYTES];
                        while from_client.read_exact(&mut header).await.is_ok() {
                            let length = u32::from_be_bytes(header[5..].try_into().unwrap());
                            let mut body = vec![0; length as usize];
                            from_client.read_exact(&mut body).await.unwrap();
                            if header[4] == OPCODE_OF_BATCH {
                                batches.lock().unwrap().push((body[0], u16::from_be_bytes([body[1], body[2]])));
                            }
                            to_server.write_all(&header).await.unwrap();
                            to_server.write_all(&body).await.unwrap();
                        }
                    });
                }
            }
        });
        Self { address, batches, _task: task }
    }

    fn take(&self) -> Vec<(u8, u16)> {
        std::mem::take(&mut *self.batches.lock().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statement_groups_are_logged_if_asked_for() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, v text, PRIMARY KEY (k, c))").await;
    ks.run("CREATE TABLE {ks}.hits (k int, c int, n counter, PRIMARY KEY (k, c))").await;
    let wire = Wire::to(&host()).await;
    let session = session_at(&wire.address);
    let rows = ks.sql("INSERT INTO {ks}.t SELECT value % 10, value, 'v' FROM generate_series(0, 499)");
    let counts = ks.sql("INSERT INTO {ks}.hits SELECT value % 10, value, 1 FROM generate_series(0, 499)");
    for (logged, kind) in [("false", UNLOGGED), ("true", LOGGED)] {
        run(&session, &format!("SET cassandra.logged_groups = {logged}")).await.unwrap();
        for (insert, kind) in [(&rows, kind), (&counts, COUNTER)] {
            assert_eq!(number(&session, insert).await, 500);
            assert_eq!(wire.take(), vec![(kind, 50); 10], "logged_groups = {logged}: {insert}");
            assert_eq!(explain(&session, insert).await.contains("logged_groups=true"), kind == LOGGED, "{insert}");
        }
    }
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 500);
    assert_eq!(number(&session, &ks.sql("SELECT CAST(max(n) AS BIGINT) FROM {ks}.hits")).await, 2);
    ks.drop_it().await;
}
