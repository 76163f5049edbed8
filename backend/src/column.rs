//! Columns: vectors of field elements in an engine's own form.

use crate::{
    array::Array,
    engine::{Arithmetic, Block, LANES},
    field::Field,
};

/// A vector of elements in blocks of [`LANES`], as the engine that filled it keeps them.
#[derive(Clone, Debug)]
pub struct Column<F> {
    blocks: Array<Block<F>>,
}

impl<F: Field> Column<F> {
    /// `n` zeros, where `n` is a multiple of [`LANES`].
    ///
    /// # Panics
    ///
    /// If it is not.
    #[must_use]
    pub fn zeros(n: usize) -> Self {
        assert_eq!(n % LANES, 0, "a column has whole blocks");
        let blocks = Array::Own(vec![Block::ZERO; n / LANES]);
        Self { blocks }
    }

    /// The column of these blocks.
    pub(crate) fn of(blocks: Array<Block<F>>) -> Self {
        Self { blocks }
    }

    /// The column of these elements.
    ///
    /// # Panics
    ///
    /// If their number is not a multiple of [`LANES`].
    pub fn import<E: Arithmetic>(engine: E, values: &[F]) -> Self {
        let mut column = Self::zeros(values.len());
        engine.run(
            #[inline(always)]
            || {
                for (block, values) in column.blocks_mut().iter_mut().zip(values.as_chunks().0) {
                    engine.store(engine.import(values), block);
                }
            },
        );
        column
    }

    /// Its elements.
    pub fn export<E: Arithmetic>(&self, engine: E) -> Vec<F> {
        let mut values = vec![F::ZERO; self.len()];
        engine.run(
            #[inline(always)]
            || {
                for (values, block) in values.as_chunks_mut().0.iter_mut().zip(self.blocks()) {
                    *values = engine.export(engine.load(block));
                }
            },
        );
        values
    }

    /// How many elements it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.len() * LANES
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Its blocks.
    #[must_use]
    pub fn blocks(&self) -> &[Block<F>] {
        &self.blocks
    }

    /// Its blocks, to be written.
    pub fn blocks_mut(&mut self) -> &mut [Block<F>] {
        self.blocks.to_mut()
    }
}
