//! The calls that are under way: what the counts of a gateway are held against.

use super::Scripts;

impl Scripts {
    /// How many calls of `model` are under way.
    pub fn active(&self, model: &str) -> usize {
        self.with(model, |script| script.active)
    }

    /// How many calls, of all models together, were under way at the most.
    pub fn busiest(&self) -> usize {
        self.calls.lock().unwrap().1
    }

    pub(super) fn begin_call(&self, model: &str) -> CallUnderWay {
        self.with(model, |script| script.active += 1);
        let mut calls = self.calls.lock().unwrap();
        calls.0 += 1;
        calls.1 = calls.1.max(calls.0);
        drop(calls);
        CallUnderWay { scripts: self.clone(), model: model.to_owned() }
    }
}

/// A call from its beginning to its end, whatever that is.
#[derive(Debug)]
pub(super) struct CallUnderWay {
    scripts: Scripts,
    model: String,
}

impl Drop for CallUnderWay {
    fn drop(&mut self) {
        self.scripts.with(&self.model, |script| script.active -= 1);
        self.scripts.calls.lock().unwrap().0 -= 1;
    }
}
