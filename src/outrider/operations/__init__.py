"""Acts on all jobs that match a filter, of any size; and the trash, from which they can be undone."""
