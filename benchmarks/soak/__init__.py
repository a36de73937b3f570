"""A long run of the whole server, with calls, clients and faults, that must end as it began."""
