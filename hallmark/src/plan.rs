//! The cheapest cut of a batch into segments.
//!
//! A batch can be cut before each transaction of a block and before the block's end. A segment of 2^k rows costs 2^k, so the
//! plan is the one with the least sum, and of these the one with the fewest segments. Rows are exact: each segment that is
//! thought of is executed and counted ([`MainMachine::measure`]).
//!
//! The search goes on the grounds that a segment that starts later, or ends earlier, needs no more rows, and that a batch in two
//! segments needs more rows than in one: what they share is proven twice. So only the furthest end is of interest for a start and a shape, and
//! what the rest of the batch needs in one piece bounds its cost from below.

use crate::pipeline::{PlannedSegment, SHAPES, capacity, segment_input};
use circuits::{
    machine::{MainMachine, MeasuredSegment},
    witness::{Cut, SegmentInput, halves},
};
use eyre::{Result, bail, ensure, eyre};
use protocol::BoundaryState;
use sequencer::BatchWitness;
use std::{collections::HashMap, sync::Arc};

/// Segments that are measured before the best plan found so far is taken: long batches of many segments have more cuts than
/// are worth trying.
const MEASUREMENTS: usize = 200;
/// The cost of every plan is a multiple of the smallest shape.
const UNIT: u64 = 1 << *SHAPES.start();

/// Executes the batch in the machine and cuts it into segments of 2^15 to 2^`largest` rows.
///
/// # Errors
/// When the batch breaks a rule (it says which), or when a part of it that cannot be cut needs more rows than the largest
/// shape has.
pub fn plan(witness: &BatchWitness, largest: u32) -> Result<Vec<PlannedSegment>> {
    ensure!(
        SHAPES.contains(&largest),
        "the largest shape is 2^{largest}; it must be between 2^{} and 2^{}",
        SHAPES.start(),
        SHAPES.end()
    );
    witness.check()?;
    let places = witness
        .decode_payload()?
        .blocks
        .iter()
        .flat_map(|block| {
            let left = (0..=block.transactions.len() as u64).rev();
            left.map(|left| Cut {
                block: block.number,
                left,
            })
        })
        .collect();
    let mut search = Search {
        number: witness.statement.batch_number,
        end: witness.statement.end(),
        largest,
        places,
        best: None,
        path: vec![],
        seen: vec![],
        rows: HashMap::new(),
        refusal: None,
    };
    search.explore(&segment_input(witness)?, 0, 0)?;
    match (search.best, search.refusal) {
        (Some(best), _) => Ok(best.1),
        (None, Some(refusal)) => bail!(refusal),
        (None, None) => bail!("batch {} has no plan", witness.statement.batch_number),
    }
}

/// The smallest shape up to 2^`largest` that holds `rows` rows.
fn shape(rows: usize, largest: u32) -> Option<u32> {
    (*SHAPES.start()..=largest).find(|k| capacity(*k) >= rows)
}

struct Search {
    number: u64,
    end: BoundaryState,
    largest: u32,
    /// Where the batch can be cut, in order.
    places: Vec<Cut>,
    /// The cheapest plan so far, with its cost.
    best: Option<(u64, Vec<PlannedSegment>)>,
    /// The segments on the way to where the search is.
    path: Vec<PlannedSegment>,
    /// Starts with cost and number of segments before them.
    seen: Vec<(usize, u64, usize)>,
    /// Rows by start and end, as numbers of places; the batch's end is behind the last place.
    rows: HashMap<(usize, usize), usize>,
    /// Why the largest shape is too small, if it is somewhere.
    refusal: Option<String>,
}

impl Search {
    fn measure(&mut self, input: &SegmentInput, from: usize, to: usize) -> Result<MeasuredSegment> {
        let measured = MainMachine::get()
            .measure(input)
            .map_err(|e| eyre!("batch {} cannot be proven: {e}", self.number))?;
        self.rows.insert((from, to), measured.rows);
        Ok(measured)
    }

    /// Whether a plan of this cost and number of segments would be better than the best so far.
    fn improves(&self, cost: u64, segments: usize) -> bool {
        self.best
            .as_ref()
            .is_none_or(|(best, plan)| (cost, segments) < (*best, plan.len()))
    }

    /// Plans the rest of the batch, which starts at the place before `from` and for which `spent` is spent.
    fn explore(&mut self, rest: &SegmentInput, from: usize, spent: u64) -> Result<()> {
        let mut whole = rest.clone();
        whole.to = Some(self.end);
        let end = self.places.len();
        let measured = self.measure(&whole, from, end)?;
        let rows = measured.rows;
        if let Some(k) = shape(rows, self.largest)
            && self.improves(spent + (1 << k), self.path.len() + 1)
        {
            let mut plan = self.path.clone();
            plan.push(segment(k, whole, measured));
            self.best = Some((spent + (1 << k), plan));
        }
        let least = spent + (rows as u64).next_multiple_of(UNIT);
        for k in (*SHAPES.start()..=self.largest).rev() {
            let cost = spent + (1 << k);
            let useful = self.improves(least.max(cost + UNIT), self.path.len() + 2);
            let enough = self.best.is_some() && self.rows.len() > MEASUREMENTS;
            if capacity(k) >= rows || !useful || enough {
                continue;
            }
            let Some((to, input, measured)) = self.furthest(rest, from, k, rows)? else {
                continue;
            };
            let segments = self.path.len() + 1;
            let dominated = |s: &(usize, u64, usize)| s.0 >= to && s.1 <= cost && s.2 <= segments;
            if self.seen.iter().any(dominated) {
                continue;
            }
            self.seen.push((to, cost, segments));
            let next = measured.next.clone();
            self.path.push(segment(k, input, measured));
            self.explore(&next, to + 1, cost)?;
            self.path.pop();
        }
        Ok(())
    }

    /// The longest segment of 2^`k` rows from a start; the whole rest would need `rows` rows, which is more.
    fn furthest(
        &mut self,
        rest: &SegmentInput,
        from: usize,
        k: u32,
        rows: usize,
    ) -> Result<Option<(usize, SegmentInput, MeasuredSegment)>> {
        let room = capacity(k);
        // It fits up to the place before `low`, and does not up to `high`; each with the rows up to there.
        let (mut low, mut high) = ((from, 0), (self.places.len(), rows));
        let mut found = None;
        for turn in 1.. {
            let places = high.0 - low.0;
            if places == 0 {
                break;
            }
            // Rows grow about evenly with the places; where they do not, halving the range finds the end.
            let share = room.saturating_sub(low.1) as f64 / (high.1 - low.1).max(1) as f64;
            let steps = if turn % 3 == 0 {
                places / 2
            } else {
                (places as f64 * share) as usize
            };
            let to = low.0 + steps.saturating_sub(1).min(places - 1);
            let known = self.rows.get(&(from, to)).copied();
            if let Some(rows) = known.filter(|rows| *rows > room) {
                high = (to, rows);
                continue;
            }
            let place = self.places.get(to).copied();
            let input = rest.until(place.ok_or_else(|| eyre!("there is no place {to}"))?);
            let measured = self.measure(&input, from, to)?;
            if measured.rows > room {
                high = (to, measured.rows);
            } else {
                low = (to + 1, measured.rows);
                found = Some((to, input, measured));
            }
        }
        if found.is_none() && k == self.largest {
            let place = self.places.get(from);
            self.refusal = place.map(|place| {
                format!(
                    "batch {}: the part of block {} that ends with {} of its transactions to come cannot be cut; it needs {} rows, \
                     and the largest shape, 2^{k}, holds {room}",
                    self.number, place.block, place.left, high.1
                )
            });
        }
        Ok(found)
    }
}

fn segment(k: u32, input: SegmentInput, measured: MeasuredSegment) -> PlannedSegment {
    let to = measured.next.from;
    PlannedSegment {
        k,
        end: to.hash(),
        rows: measured.rows,
        rows_by_chip: measured.rows_by_chip,
        public: halves(input.public_input(&to).into()),
        input: Arc::new(SegmentInput {
            to: Some(to),
            ..input
        }),
    }
}
