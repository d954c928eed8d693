//! Work that takes milliseconds, away from the threads that answer requests; the memory that large bodies take; and the turns of
//! a user's requests. Of each there is so much at once. What would have to wait for too long is refused with 503, which says when to come again.

use std::{
    collections::HashMap,
    io::{self, Write},
    num::NonZero,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::available_parallelism,
};

use serde::Serialize;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{OwnedSemaphorePermit, Semaphore},
    task,
};

use crate::{
    bounds::LARGE_BODIES_AT_ONCE,
    error::{Error, Result},
};

/// How many wait for each thread that works. SRP and RSA take about a millisecond, so that this is their longest wait, in
/// milliseconds.
const WAITING_PER_THREAD: usize = 200;

/// How many requests of one user are worked on at once: one less than SQLite has readers, which one user's large lists
/// would else keep from all others. More of them wait, for each other alone.
const REQUESTS_OF_USER: usize = 3;

/// How many bodies of one user are being sent at once. Each may take so much memory, [`crate::bounds::LARGE_BODY`], that nobody counts.
const BODIES_OF_USER: usize = 8;

/// How many KiB of large replies to one user wait at once for the client to take them: the largest page. More of that user's
/// requests wait until one is taken, or given up. Those of a client that takes nothing would else be as many as there are
/// connections.
const REPLIES_OF_USER: usize = 16 * 1024;

/// What one service computes.
#[derive(Debug)]
pub struct Work {
    /// SRP and RSA of those who have no session yet. They are many at no cost, so that nobody else waits behind them.
    pub sign_ins: WorkQueue,
    /// RSA and large JSON of those who have one.
    pub requests: WorkQueue,
    /// A permit for each KiB of large bodies.
    large_bodies: Arc<Semaphore>,
    /// What users have who have requests.
    users: Mutex<HashMap<String, Weak<OfUser>>>,
}

impl Default for Work {
    fn default() -> Self {
        let threads = available_parallelism().map_or(1, NonZero::get);
        Self {
            sign_ins: WorkQueue::new(threads, WAITING_PER_THREAD * threads),
            requests: WorkQueue::new(threads, WAITING_PER_THREAD * threads),
            large_bodies: Arc::new(Semaphore::new(LARGE_BODIES_AT_ONCE / 1024)),
            users: Mutex::default(),
        }
    }
}

impl Work {
    /// Reserves memory for so many bytes of the request in all, until it is answered. Of bytes that have come: a client that
    /// says how many it will send and does not reserves none. A request that is larger than all the memory takes all of it.
    pub(crate) fn reserve_memory(&self, request: &Reservation, bytes: usize) -> Result<()> {
        let mut reserved = request.lock();
        let has = reserved.memory.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let bytes = bytes.min(LARGE_BODIES_AT_ONCE);
        let more = u32::try_from(bytes.div_ceil(1024).saturating_sub(has)).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.large_bodies).try_acquire_many_owned(more);
        let more = more.map_err(|_| Error::Unavailable("large bodies take all their memory".to_owned()))?;
        match &mut reserved.memory {
            Some(memory) => memory.merge(more),
            memory => *memory = Some(more),
        }
        Ok(())
    }

    /// Waits until the user has a turn for this request, which it has until it is answered.
    pub(crate) async fn wait_for_turn(&self, request: &Reservation, user_id: &str) -> Result<()> {
        request.lock().user = Some(self.of_user(user_id));
        request.take_turn().await
    }

    fn of_user(&self, user_id: &str) -> Arc<OfUser> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(user) = users.get(user_id).and_then(Weak::upgrade) {
            return user;
        }
        users.retain(|_, user| user.strong_count() > 0);
        let user = Arc::new(OfUser::default());
        users.insert(user_id.to_owned(), Arc::downgrade(&user));
        user
    }
}

/// What one user's requests share.
#[derive(Debug)]
struct OfUser {
    turns: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    replies: Arc<Semaphore>,
}

impl Default for OfUser {
    fn default() -> Self {
        let of = |count| Arc::new(Semaphore::new(count));
        Self { turns: of(REQUESTS_OF_USER), bodies: of(BODIES_OF_USER), replies: of(REPLIES_OF_USER) }
    }
}

/// A large reply that is on its way. Its user is remembered as long, or another request would count from none.
#[derive(Debug)]
pub(crate) struct UntakenReply {
    _place: OwnedSemaphorePermit,
    _user: Arc<OfUser>,
}

/// What a request has reserved. Its last clone gives it back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reservation(Arc<Mutex<Reserved>>);

#[derive(Debug, Default)]
struct Reserved {
    memory: Option<OwnedSemaphorePermit>,
    user: Option<Arc<OfUser>>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Reservation {
    /// Takes the turn that was given back, or the first. A request without a user needs none.
    pub(crate) async fn take_turn(&self) -> Result<()> {
        let user = self.lock().user.clone();
        if let Some(user) = user {
            let turn = Arc::clone(&user.turns).acquire_owned().await.map_err(Error::fault)?;
            self.lock().turn = Some(turn);
        }
        Ok(())
    }

    /// Whether it is worked on, as the user's others are that have a turn.
    pub(crate) fn has_turn(&self) -> bool {
        self.lock().turn.is_some()
    }

    /// Has other requests of the user go on while this one waits for its client to send a body. What this returns is kept
    /// until the body has come and the request has its turn again.
    pub(crate) async fn begin_to_read(&self) -> Result<Option<OwnedSemaphorePermit>> {
        let user = {
            let mut reserved = self.lock();
            reserved.turn = None;
            reserved.user.clone()
        };
        match user {
            Some(user) => Ok(Some(Arc::clone(&user.bodies).acquire_owned().await.map_err(Error::fault)?)),
            // Small ones, of those who have no session.
            None => Ok(None),
        }
    }

    /// Waits, with the request's turn, until a large reply to its user may wait for the client. What this returns is kept until
    /// the reply is sent.
    pub(crate) async fn begin_to_reply(&self, bytes: usize) -> Result<Option<UntakenReply>> {
        let user = self.lock().user.clone();
        match user {
            Some(user) => {
                let of_it = u32::try_from(bytes.div_ceil(1024).min(REPLIES_OF_USER)).unwrap_or(u32::MAX);
                let place = Arc::clone(&user.replies).acquire_many_owned(of_it).await.map_err(Error::fault)?;
                Ok(Some(UntakenReply { _place: place, _user: user }))
            }
            None => Ok(None),
        }
    }

    /// Gives back what the request has, before it is tried again: waiting for a turn while it has one, it could wait for ever.
    pub(crate) fn begin_anew(&self) {
        let mut reserved = self.lock();
        reserved.turn = None;
        reserved.memory = None;
    }

    fn lock(&self) -> MutexGuard<'_, Reserved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads that work, and a queue before them that has an end.
#[derive(Debug)]
pub struct WorkQueue {
    threads: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl WorkQueue {
    /// `threads` work at once, and for them `waiting` more may wait.
    pub fn new(threads: usize, waiting: usize) -> Self {
        Self { threads: Arc::new(Semaphore::new(threads)), places: Arc::new(Semaphore::new(threads + waiting)) }
    }

    /// Runs `work` when its turn comes, or refuses it at once where too much waits. What was begun is finished, and counts until
    /// then, also when the client has gone.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Error::Unavailable("too much waits to be computed".to_owned()))?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(Error::fault)?;
        let work = move || {
            let _until_done = (place, thread);
            work()
        };
        task::spawn_blocking(work).await.map_err(Error::fault)
    }

    /// As [`WorkQueue::run`], of what is written as a future and has nothing to wait for.
    pub async fn run_future<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let runtime = Handle::current();
        self.run(move || runtime.block_on(work)).await
    }
}

/// How long a JSON text may become on the thread that answers requests: a few tenths of a millisecond.
const SMALL_JSON: usize = 64 * 1024;

/// Serializes what may be megabytes. Nobody knows before how long it becomes. Nearly always it is short, and done
/// sooner than another thread has taken over; what is not is begun again, with other requests answered meanwhile.
pub(crate) fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut small = SmallJson(Vec::with_capacity(1024));
    match serde_json::to_writer(&mut small, value) {
        Ok(()) => Ok(small.0),
        Err(error) if error.is_io() => Ok(in_place(|| serde_json::to_vec(value))?),
        Err(error) => Err(error.into()),
    }
}

/// Has room for [`SMALL_JSON`] bytes.
struct SmallJson(Vec<u8>);

impl Write for SmallJson {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.0.len() + part.len() > SMALL_JSON {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs what takes long where it is called, and has other threads go on with the requests of this one.
fn in_place<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, task::Poll, time::Duration};

    use serde::{Serializer, ser::SerializeSeq};

    use super::*;

    #[tokio::test]
    async fn what_would_wait_too_long_is_refused_and_what_waits_is_done() {
        let queue = Arc::new(WorkQueue::new(1, 1));
        let (finish, finished) = mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let running = tokio::spawn({
            let queue = queue.clone();
            let work = move || {
                begin.send(()).unwrap();
                finished.recv().unwrap();
                "the first"
            };
            async move { queue.run(work).await }
        });
        begun.await.unwrap();
        let waits = queue.run(|| "the second");
        tokio::pin!(waits);
        let still_waits = std::future::poll_fn(|context| Poll::Ready(waits.as_mut().poll(context).is_pending()));
        assert!(still_waits.await);
        let refused = queue.run(|| "the third").await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        finish.send(()).unwrap();
        assert_eq!((running.await.unwrap().unwrap(), waits.await.unwrap()), ("the first", "the second"));
        assert_eq!(queue.run(|| "the fourth").await.unwrap(), "the fourth");
    }

    /// Rows of which the last waits for another task, and says whether it came.
    struct Rows {
        count: usize,
        others_went_on: Mutex<bool>,
    }

    impl Serialize for Rows {
        fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            let mut rows = serializer.serialize_seq(Some(self.count))?;
            for _ in 0..self.count {
                rows.serialize_element(&"x".repeat(1000))?;
            }
            let (send, sent) = mpsc::channel();
            tokio::spawn(async move { send.send(()) });
            *self.others_went_on.lock().unwrap() = sent.recv_timeout(Duration::from_millis(500)).is_ok();
            rows.end()
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn other_requests_are_answered_while_a_large_reply_is_written_and_a_small_one_is_written_where_it_is() {
        for (count, others_go_on) in [(60, false), (200, true)] {
            let written = tokio::spawn(async move {
                let rows = Rows { count, others_went_on: Mutex::default() };
                let text = to_json(&rows).unwrap();
                (text, rows.others_went_on.into_inner().unwrap())
            });
            let (text, others_went_on) = written.await.unwrap();
            assert_eq!(others_went_on, others_go_on, "{count} rows");
            assert_eq!(text, serde_json::to_vec(&vec!["x".repeat(1000); count]).unwrap());
        }
    }

    /// A request that was given up, while what it began goes on, leaves no place for more than there are threads.
    #[tokio::test]
    async fn what_was_begun_counts_until_it_is_done() {
        let queue = Arc::new(WorkQueue::new(1, 0));
        let (finish, finished) = mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let running = tokio::spawn({
            let queue = queue.clone();
            let work = move || {
                begin.send(()).unwrap();
                let _ = finished.recv();
            };
            async move { queue.run(work).await }
        });
        begun.await.unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert!(matches!(queue.run(|| ()).await, Err(Error::Unavailable(_))));
        drop(finish);
    }

    #[test]
    fn large_bodies_have_so_much_memory_and_give_it_back() {
        let work = Work::default();
        let (one, other) = (Reservation::default(), Reservation::default());
        work.reserve_memory(&one, LARGE_BODIES_AT_ONCE - 1024).unwrap();
        work.reserve_memory(&one, LARGE_BODIES_AT_ONCE - 1023).unwrap();
        assert!(matches!(work.reserve_memory(&other, 1), Err(Error::Unavailable(_))));
        drop(one);
        work.reserve_memory(&other, LARGE_BODIES_AT_ONCE).unwrap();
        // All values of the largest item, encrypted anew, are one body.
        work.reserve_memory(&other, 2 * LARGE_BODIES_AT_ONCE).unwrap();
    }

    #[test]
    fn a_body_of_small_parts_takes_the_memory_of_its_bytes() {
        let (work, request) = (Work::default(), Reservation::default());
        for bytes in 1..=10_000 {
            work.reserve_memory(&request, bytes).unwrap();
        }
        let free = LARGE_BODIES_AT_ONCE / 1024 - 10_000_usize.div_ceil(1024);
        assert_eq!(work.large_bodies.available_permits(), free);
    }

    #[tokio::test]
    async fn one_users_bodies_that_do_not_come_are_so_many_and_nobody_elses() {
        let work = Work::default();
        let mut bodies = Vec::new();
        for _ in 0..BODIES_OF_USER {
            let request = Reservation::default();
            work.wait_for_turn(&request, "alice").await.unwrap();
            bodies.push((request.begin_to_read().await.unwrap(), request));
        }
        let late = Reservation::default();
        work.wait_for_turn(&late, "alice").await.unwrap();
        let mut waits = Box::pin(late.begin_to_read());
        let still_waits = std::future::poll_fn(|context| Poll::Ready(waits.as_mut().poll(context).is_pending()));
        assert!(still_waits.await);
        let other = Reservation::default();
        work.wait_for_turn(&other, "bob").await.unwrap();
        other.begin_to_read().await.unwrap();
        bodies.pop();
        waits.await.unwrap();
    }

    #[tokio::test]
    async fn one_users_replies_that_are_not_taken_are_so_many_and_nobody_elses() {
        let work = Work::default();
        let mut replies = Vec::new();
        let request = Reservation::default();
        work.wait_for_turn(&request, "alice").await.unwrap();
        let half = REPLIES_OF_USER / 2 * 1024;
        for _ in 0..2 {
            replies.push(request.begin_to_reply(half).await.unwrap().unwrap());
        }
        let mut waits = Box::pin(request.begin_to_reply(1));
        let still_waits = std::future::poll_fn(|context| Poll::Ready(waits.as_mut().poll(context).is_pending()));
        assert!(still_waits.await);
        let other = Reservation::default();
        work.wait_for_turn(&other, "bob").await.unwrap();
        // A larger one than there is room for has all of it.
        other.begin_to_reply(usize::MAX).await.unwrap();
        replies.pop();
        waits.await.unwrap();
    }

    #[tokio::test]
    async fn one_users_requests_wait_for_each_other_and_nobody_elses() {
        let work = Work::default();
        let requests: Vec<Reservation> = (0..REQUESTS_OF_USER).map(|_| Reservation::default()).collect();
        for request in &requests {
            work.wait_for_turn(request, "alice").await.unwrap();
        }
        let late = Reservation::default();
        let mut waits = Box::pin(work.wait_for_turn(&late, "alice"));
        let still_waits = std::future::poll_fn(|context| Poll::Ready(waits.as_mut().poll(context).is_pending()));
        assert!(still_waits.await);
        work.wait_for_turn(&Reservation::default(), "bob").await.unwrap();
        // One waits for its client, and goes on when it has come.
        let body = requests[0].begin_to_read().await.unwrap();
        waits.await.unwrap();
        drop(late);
        requests[0].take_turn().await.unwrap();
        drop((requests, body));
        work.wait_for_turn(&Reservation::default(), "carlos").await.unwrap();
        assert_eq!(work.users.lock().unwrap().len(), 1, "who has no requests is forgotten");
    }
}
