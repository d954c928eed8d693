use std::rc::Rc;

/// For a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done: a short lower-case phrase in English.
    pub phase: &'static str,
    /// Steps of the workflow that are done.
    pub done: u32,
    /// Steps in all.
    pub total: u32,
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

    pub(super) fn report(&self, phase: &'static str, done: u32, total: u32) {
        if let Some(listener) = &self.0 {
            listener(Progress { phase, done, total });
        }
    }
}
