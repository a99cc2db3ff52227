//! What must hold of scores and evidence: symmetry, independence of order and threads, and what a model keeps.

mod ground;
mod scores;
mod surface;
