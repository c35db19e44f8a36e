//! Which share is this process's, as Slurm or MPI say it in the environment: `--shard auto`.

use super::shard::{Shard, ShardError};

/// Rank and number of ranks: Open MPI, then MPICH, Intel MPI and their kin.
const RANKS: [[&str; 2]; 2] = [
    ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"],
    ["PMI_RANK", "PMI_SIZE"],
];
/// The place of this process among those of its machine: Open MPI, MPICH and Intel MPI, `srun`.
const PLACES: [&str; 3] = [
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MPI_LOCALRANKID",
    "SLURM_LOCALID",
];
/// The number of this task among those that `srun` started; a batch script has it as well, as 0.
const PROCESS: &str = "SLURM_PROCID";
/// The number of this task in a Slurm array.
const TASK: &str = "SLURM_ARRAY_TASK_ID";

/// The share of this process, by the values that `variable` gives of the environment's names: that of the task of a Slurm array,
/// else that of the MPI rank.
///
/// # Errors
/// When there is neither, when they contradict each other, or when tasks have gaps.
pub fn shard_of(variable: impl Fn(&str) -> Option<String>) -> Result<Shard, ShardError> {
    let variables = Variables(&variable);
    let (task, rank) = (variables.of_array()?, variables.of_ranks()?);
    match (task, rank) {
        // Within a task `srun` counts its own processes, one where nobody asked for more.
        (Some(task), Some(rank)) if rank.count() > 1 => Err(ShardError::Both {
            ranks: rank.count(),
            tasks: task.count(),
        }),
        (Some(shard), _) | (None, Some(shard)) => Ok(shard),
        (None, None) => Err(ShardError::Alone),
    }
}

/// The MPI rank of this process among those that one launcher started; `None` where none did, as in the batch script of a Slurm
/// job.
///
/// # Errors
/// When a variable is missing beside another one, or is no number.
pub fn rank_of(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Shard>, ShardError> {
    match Variables(&variable).of_ranks() {
        Err(ShardError::BatchScript { .. }) => Ok(None),
        found => found,
    }
}

/// The place of this process among those of one machine, from 0, by which it takes its GPU: 0 where it sees one GPU alone.
pub fn place_of(variable: impl Fn(&str) -> Option<String>) -> usize {
    let visible = variable("CUDA_VISIBLE_DEVICES");
    if visible.is_some_and(|gpus| !gpus.contains(',')) {
        return 0;
    }
    let place = |name: &&str| variable(name)?.parse().ok();
    PLACES.iter().find_map(place).unwrap_or(0)
}

/// The environment.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn of_array(&self) -> Result<Option<Shard>, ShardError> {
        if !self.has(TASK) {
            return Ok(None);
        }
        let [task, first] = [self.number(TASK)?, self.number("SLURM_ARRAY_TASK_MIN")?];
        let step = self.optional("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
        let count = self.optional("SLURM_ARRAY_TASK_COUNT")?;
        let last = match count {
            // Where only the number of tasks is known, they are taken to follow each other.
            Some(count) => self
                .optional("SLURM_ARRAY_TASK_MAX")?
                .unwrap_or(first + count.saturating_sub(1) * step),
            None => self.number("SLURM_ARRAY_TASK_MAX")?,
        };
        let spanned = last.saturating_sub(first) / step + 1;
        let count = count.unwrap_or(spanned);
        let place = task.checked_sub(first).filter(|from| from % step == 0);
        match place {
            Some(place) if count == spanned && task <= last => {
                Shard::new(place / step + 1, count).map(Some)
            }
            _ => Err(ShardError::Uneven { count, first, last }),
        }
    }

    fn of_ranks(&self) -> Result<Option<Shard>, ShardError> {
        for [rank, size] in RANKS {
            if self.has(rank) {
                return Shard::new(self.number(rank)? + 1, self.number(size)?).map(Some);
            }
        }
        if !self.has(PROCESS) {
            return Ok(None);
        }
        if self.has("SLURM_JOB_ID") && !self.has("SLURM_STEP_ID") {
            // The batch script itself. It does not know the number of tasks where nobody asked for more than one.
            return match self.optional("SLURM_NTASKS")? {
                Some(tasks) if tasks > 1 && !self.has(TASK) => {
                    Err(ShardError::BatchScript { tasks })
                }
                _ => Ok(None),
            };
        }
        let count = match self.optional("SLURM_STEP_NUM_TASKS")? {
            Some(count) => count,
            None => self.number("SLURM_NTASKS")?,
        };
        Shard::new(self.number(PROCESS)? + 1, count).map(Some)
    }

    fn has(&self, name: &str) -> bool {
        (self.0)(name).is_some()
    }

    fn optional(&self, name: &'static str) -> Result<Option<usize>, ShardError> {
        let there = self.has(name).then(|| self.number(name));
        there.transpose()
    }

    fn number(&self, name: &'static str) -> Result<usize, ShardError> {
        let text = (self.0)(name);
        let number = text.as_ref().and_then(|text| text.parse().ok());
        number.ok_or_else(|| ShardError::Variable {
            name,
            found: text.map_or_else(|| "unset".to_owned(), |text| format!("`{text}`")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of names in `NAME=VALUE NAME=VALUE`.
    fn environment(variables: &str) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let mut words = variables.split_whitespace();
            let value = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            value.map(str::to_owned)
        }
    }

    fn found(variables: &str) -> Result<String, ShardError> {
        shard_of(environment(variables)).map(|shard| shard.to_string())
    }

    #[test]
    fn ranks_are_those_of_the_launcher_and_none_in_a_batch_script() {
        let rank = |variables: &str| {
            let rank = rank_of(environment(variables)).unwrap();
            rank.map(|rank| rank.to_string())
        };
        assert_eq!(
            rank("OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2").unwrap(),
            "2/2"
        );
        assert_eq!(rank("SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_NTASKS=4"), None);
        assert_eq!(rank("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1"), None);
    }

    #[test]
    fn processes_of_a_machine_take_their_gpus_in_order_unless_each_sees_its_own() {
        let place = |variables: &str| place_of(environment(variables));
        assert_eq!(place(""), 0);
        assert_eq!(place("OMPI_COMM_WORLD_LOCAL_RANK=3 SLURM_LOCALID=1"), 3);
        assert_eq!(place("SLURM_LOCALID=1 CUDA_VISIBLE_DEVICES=0,1"), 1);
        assert_eq!(place("SLURM_LOCALID=1 CUDA_VISIBLE_DEVICES=1"), 0);
    }

    #[test]
    fn a_task_of_a_slurm_array_is_a_shard() {
        let array = |id: usize, [min, max, step, count]: [usize; 4]| {
            found(&format!(
                "SLURM_ARRAY_TASK_ID={id} SLURM_ARRAY_TASK_MIN={min} SLURM_ARRAY_TASK_MAX={max} \
                 SLURM_ARRAY_TASK_STEP={step} SLURM_ARRAY_TASK_COUNT={count} SLURM_PROCID=0 SLURM_NTASKS=1"
            ))
        };
        assert_eq!(array(0, [0, 3, 1, 4]).unwrap(), "1/4");
        assert_eq!(array(4, [1, 4, 1, 4]).unwrap(), "4/4");
        assert_eq!(array(7, [1, 10, 3, 4]).unwrap(), "3/4");
        assert_eq!(array(5, [5, 5, 1, 1]).unwrap(), "1/1");
        // `--array=1,2,7`: what was left out is not known.
        for refused in [
            array(2, [1, 7, 1, 3]),
            array(3, [1, 10, 3, 4]),
            array(8, [1, 7, 1, 7]),
        ] {
            assert!(matches!(refused, Err(ShardError::Uneven { .. })));
        }
        let without_count = "SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=6 SLURM_ARRAY_TASK_STEP=2";
        assert_eq!(found(without_count).unwrap(), "3/4");
        let without_last = "SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=4";
        assert_eq!(found(without_last).unwrap(), "2/4");
        let cut = found("SLURM_ARRAY_TASK_ID=4").unwrap_err();
        assert_eq!(
            cut.to_string(),
            "`SLURM_ARRAY_TASK_MIN` is unset, so `--shard auto` cannot tell which share is this one's"
        );
    }

    #[test]
    fn an_mpi_rank_is_a_shard() {
        let open_mpi = "OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=2 PMI_RANK=5 PMI_SIZE=9";
        assert_eq!(found(open_mpi).unwrap(), "1/2");
        assert_eq!(found("PMI_RANK=8 PMI_SIZE=9").unwrap(), "9/9");
        assert_eq!(found("SLURM_PROCID=3 SLURM_NTASKS=4").unwrap(), "4/4");
        let step =
            "SLURM_JOB_ID=7 SLURM_STEP_ID=0 SLURM_PROCID=1 SLURM_NTASKS=8 SLURM_STEP_NUM_TASKS=2";
        assert_eq!(found(step).unwrap(), "2/2");
        assert_eq!(found("PATH=/bin"), Err(ShardError::Alone));
        // A batch script is none of the tasks that `srun` would start.
        let script = "SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_NTASKS=";
        assert_eq!(found(&format!("{script}1")), Err(ShardError::Alone));
        let refused = Err(ShardError::BatchScript { tasks: 2 });
        assert_eq!(found(&format!("{script}2")), refused);
        let array = "SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=4";
        let one = format!("{array} SLURM_JOB_ID=7 SLURM_PROCID=0");
        assert_eq!(found(&one).unwrap(), "2/4");
        assert_eq!(found(&format!("{array} {script}2")).unwrap(), "2/4");
        assert!(matches!(
            found("PMI_RANK=x PMI_SIZE=9"),
            Err(ShardError::Variable { .. })
        ));
        assert!(matches!(
            found("PMI_RANK=9 PMI_SIZE=9"),
            Err(ShardError::Range { .. })
        ));
        let both = "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=4 PMI_RANK=0 PMI_SIZE=8";
        assert_eq!(found(both), Err(ShardError::Both { ranks: 8, tasks: 4 }));
    }
}
