//! The server's program, on a port of this machine. It ends with the test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::{Value, json};
use vaultshare_server::testing::Database;

use super::srp_client;

/// A running server.
pub struct Process {
    child: Child,
    /// What is logged is read as it comes: a server waits for who reads its log.
    log: Option<JoinHandle<String>>,
    pub address: SocketAddr,
}

impl Process {
    pub fn start(data: &Path) -> Self {
        Self::start_with("127.0.0.1:0", &[], data)
    }

    pub fn start_with(listen: &str, more: &[&str], data: &Path) -> Self {
        Self::start_on(None, listen, more, data)
    }

    pub fn start_on(database: Option<&Database>, listen: &str, more: &[&str], data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_vaultshare-server"))
            .args(["--listen", listen, "--data"])
            .arg(data)
            .args(more)
            .envs(database.map(|database| ("VAULTSHARE_DATABASE_URL", database.url())))
            // The tests' own, and no option.
            .env_remove("VAULTSHARE_TEST_DATABASE")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").unwrap().parse().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        });
        Self { child, log: Some(log), address }
    }

    pub fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let body = body.to_string();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    pub fn sign_in(&self, username: &str) -> String {
        let client = srp_client::SrpClient::start();
        let begin = json!({ "username": username, "srp_a": client.public_a() });
        let (_, reply) = self.call("POST", "/keystore/srp/challenges", "", &begin);
        let challenge = |field: &str| reply["challenge"][field].as_str().unwrap().to_owned();
        let proof = client.prove(username, "passphrase", &challenge("challenge_salt"), &challenge("challenge_b"));
        let finish = json!({ "username": username, "srp_a": client.public_a(), "srp_m": proof });
        let (status, reply) = self.call("POST", "/keystore/srp/session", "", &finish);
        assert_eq!(status, 201, "{reply}");
        reply["session"]["session_authentication_string"].as_str().unwrap().to_owned()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end, and returns whether it was a good one and what was logged.
    pub fn wait(mut self) -> (bool, String) {
        let log = self.log.take().unwrap().join().unwrap();
        (self.child.wait().unwrap().success(), log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
