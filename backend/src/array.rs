//! Arrays in memory of their own, or in a file that is mapped into memory.

use memmap2::Mmap;
use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

/// Values that are 64-bit words and nothing else.
///
/// # Safety
///
/// There is no padding, all bytes may have any values, and the alignment is at most [`ALIGNMENT`].
pub(crate) unsafe trait Words: Copy {}

// SAFETY: it is one.
unsafe impl Words for u64 {}

/// Where an array in a file may begin: at a multiple of this.
pub(crate) const ALIGNMENT: usize = 64;

/// Elements that are read, by whoever shares them.
#[derive(Clone)]
pub(crate) enum Array<T> {
    /// In memory of their own.
    Own(Vec<T>),
    /// In a file.
    Mapped(Mapped<T>),
}

/// A part of a mapped file.
#[derive(Clone)]
pub(crate) struct Mapped<T> {
    file: Arc<Mmap>,
    /// The first byte, a multiple of [`ALIGNMENT`].
    start: usize,
    len: usize,
    elements: PhantomData<T>,
}

impl<T: Words> Array<T> {
    /// `len` elements of a file, from the byte `start` on. `None` if the file is shorter, or if `start` is no multiple of [`ALIGNMENT`].
    pub(crate) fn mapped(file: &Arc<Mmap>, start: usize, len: usize) -> Option<Self> {
        let bytes = len.checked_mul(size_of::<T>())?;
        let end = start.checked_add(bytes)?;
        (start.is_multiple_of(ALIGNMENT) && end <= file.len()).then(|| {
            Self::Mapped(Mapped {
                file: file.clone(),
                start,
                len,
                elements: PhantomData,
            })
        })
    }

    /// The elements, to be written: those of a file are copied first.
    pub(crate) fn to_mut(&mut self) -> &mut [T] {
        if let Self::Mapped(_) = self {
            *self = Self::Own(self.to_vec());
        }
        match self {
            Self::Own(elements) => elements,
            Self::Mapped(_) => unreachable!("it has been copied"),
        }
    }
}

impl<T: Words> Deref for Array<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Own(elements) => elements,
            Self::Mapped(Mapped {
                file, start, len, ..
            }) => {
                let first = file[*start..].as_ptr().cast();
                // SAFETY: `mapped` has checked that so many bytes are there, and that the first one is at a multiple of the alignment, as a
                // map begins at a page. Any bytes are values of `T`. The map is only read, and lives as long as `self`; that nobody writes
                // to the file meanwhile is what `prove::file::open` asks for.
                unsafe { std::slice::from_raw_parts(first, *len) }
            }
        }
    }
}

impl<T> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, len) = match self {
            Self::Own(elements) => ("Own", elements.len()),
            Self::Mapped(part) => ("Mapped", part.len),
        };
        f.debug_struct(name)
            .field("len", &len)
            .finish_non_exhaustive()
    }
}

/// The bytes of elements.
pub(crate) fn bytes<T: Words>(elements: &[T]) -> &[u8] {
    // SAFETY: the elements have no padding, so all their bytes have values.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(words: &[u64]) -> Arc<Mmap> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes(words)).unwrap();
        // SAFETY: nobody else knows of the file.
        Arc::new(unsafe { Mmap::map(&file) }.unwrap())
    }

    #[test]
    fn a_part_of_a_file() {
        let words: Vec<u64> = (0..24).collect();
        let file = file(&words);
        let mut array = Array::<u64>::mapped(&file, 64, 16).unwrap();
        assert_eq!(*array, words[8..]);
        let other = array.clone();
        array.to_mut()[0] = 7;
        assert_eq!((array[0], other[0]), (7, 8));
        assert_eq!(array[1..], other[1..]);
    }

    #[test]
    fn nothing_beyond_the_file_or_beside_the_alignment() {
        let file = file(&[1; 24]);
        assert!(Array::<u64>::mapped(&file, 64, 17).is_none());
        assert!(Array::<u64>::mapped(&file, 8, 8).is_none());
        assert!(Array::<u64>::mapped(&file, 64, usize::MAX).is_none());
        assert!(Array::<u64>::mapped(&file, usize::MAX - 63, 8).is_none());
        assert!(Array::<u64>::mapped(&file, 192, 0).is_some());
    }
}
