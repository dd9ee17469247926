"""Acts on all jobs that match a filter, of any size; and the trash, by which they are undone."""
