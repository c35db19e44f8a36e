//! The binary `pipeline`: parses the command line, runs the command and reports how it ended.

use std::process::ExitCode;

use slotflow::kernels::memory::Allocator;

// Large tensors are allocated and freed at every step; glibc's allocator returns them to the system each time.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    slotflow::kernels::memory::keep_freed();
    slotflow::cli::main()
}
