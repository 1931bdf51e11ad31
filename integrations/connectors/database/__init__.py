"""Your own SQL database as a system: which rows are the caller's, by a table's columns or a query of the admin's."""
