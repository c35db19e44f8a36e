//! The binary `pipeline`: parses the command line, runs the command and reports how it ended.

use std::process::ExitCode;

use mimalloc::MiMalloc;

// Large tensors are allocated and freed at every step; glibc's allocator returns them to the system each time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    slotflow::kernels::memory::keep_freed();
    slotflow::cli::main()
}
