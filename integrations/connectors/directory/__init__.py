"""An uploaded list or shared sheet as a system: how its rows are filed and found again."""
