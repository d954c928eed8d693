use std::rc::Rc;

/// How far a workflow is, for whoever shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, a short lower-case phrase.
    pub phase: &'static str,
    /// How many of the workflow's steps are done.
    pub done: u32,
    /// How many there are.
    pub total: u32,
}

/// Who wants to hear of progress; possibly nobody.
#[derive(Clone, Default)]
pub struct ProgressListener(Option<Rc<dyn Fn(Progress)>>);

impl ProgressListener {
    /// Nobody listens.
    pub fn none() -> Self {
        ProgressListener(None)
    }

    /// `listener` is called at every step.
    pub fn new(listener: impl Fn(Progress) + 'static) -> Self {
        ProgressListener(Some(Rc::new(listener)))
    }

    pub(super) fn report(&self, phase: &'static str, done: u32, total: u32) {
        if let Some(listener) = &self.0 {
            listener(Progress { phase, done, total });
        }
    }
}
