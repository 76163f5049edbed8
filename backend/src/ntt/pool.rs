//! Buffers that are used again.

use std::sync::Mutex;

/// Things that are taken, used and put back. There are as many as were ever taken at a time.
pub(super) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T: Default> Pool<T> {
    /// One that was put back, or a new one.
    pub(super) fn take(&self) -> T {
        let mut all = self.0.lock().unwrap_or_else(|e| e.into_inner());
        all.pop().unwrap_or_default()
    }
    pub(super) fn put(&self, thing: T) {
        let mut all = self.0.lock().unwrap_or_else(|e| e.into_inner());
        all.push(thing);
    }
}
