"""Work for others: tasks side by side on threads, and on the workers of any executor of ``concurrent.futures``."""
