//! The binary at the size of Clever's own sandbox district: how it starts, and what it needs while all is read.

#[path = "binary/mod.rs"]
mod binary;
#[path = "reader/mod.rs"]
mod reader;

use binary::{Binary, walk};
use reader::Reader;

/// Most memory while users and sections are read by the largest pages, in MiB. A page has about 18 MB of JSON.
const MOST_MIB: u64 = 100;

#[test]
fn a_large_district_is_read_whole_in_little_memory() {
    let emulator = Binary::start("large").unwrap();
    let mut reader = Reader::new(&emulator.address, &emulator.token).unwrap();
    let (users, of_users) = walk(&mut reader, "users", 10_000).unwrap();
    let (sections, of_sections) = walk(&mut reader, "sections", 10_000).unwrap();
    assert!(users > 128_000, "{users} users");
    assert!((25_843..27_500).contains(&sections), "{sections} sections");
    let read = (of_users + of_sections) >> 20;
    match emulator.most_memory_mib() {
        Some(most) => {
            eprintln!(
                "started in {:?}; {read} MiB read; most memory {most} MiB",
                emulator.started
            );
            assert!(most < MOST_MIB, "{most} MiB");
        }
        None => eprintln!("skipped: this system does not tell a process's memory"),
    }
}
