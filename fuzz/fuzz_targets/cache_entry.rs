//! Whatever bytes a tier holds: a record that is read back is one that could have been written, and
//! nothing panics.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rushes_cache::testing::read_record;

fuzz_target!(|bytes: &[u8]| {
    read_record(&Bytes::copy_from_slice(bytes), false);
    // With the digest made right, the lengths inside are all that is between it and a panic.
    read_record(&Bytes::copy_from_slice(bytes), true);
});
