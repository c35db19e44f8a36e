//! The binary `pipeline`: parse, run, say what happened.

use std::process::ExitCode;

use mimalloc::MiMalloc;

// Large tensors are taken and given back all day; glibc's allocator returns them to the system each time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    slotflow::kernels::memory::keep_freed();
    slotflow::cli::main()
}
