//! Whatever a host hands over as an account's record: it is refused, or it is one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::limits::record::Record;
use tollgate_core::limits::vms::Vms;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = Record::decode(bytes) {
        assert_eq!(Record::decode(&record.encode()), Ok(record));
    }
    if let Ok(vms) = Vms::decode(bytes, 0) {
        assert_eq!(vms.encode(), bytes);
    }
});
