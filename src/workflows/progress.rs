use std::rc::Rc;

/// For a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done: a short lower-case phrase in English.
    pub phase: &'static str,
    /// Steps of the workflow that are done; of a file bytes.
    pub done: u64,
    /// Steps in all; 0 for a file whose length is not known.
    pub total: u64,
}

/// An optional progress callback.
#[derive(Clone, Default)]
pub struct ProgressListener(Option<Rc<dyn Fn(Progress)>>);

impl ProgressListener {
    /// Without a callback.
    pub fn none() -> Self {
        ProgressListener(None)
    }

    /// `listener` is called before each step and after the last.
    pub fn new(listener: impl Fn(Progress) + 'static) -> Self {
        ProgressListener(Some(Rc::new(listener)))
    }

    pub(crate) fn report(&self, phase: &'static str, done: u64, total: u64) {
        if let Some(listener) = &self.0 {
            listener(Progress { phase, done, total });
        }
    }
}
