"""The worker: a supervisor that runs no user code, and children that run nothing else."""
