DROP FUNCTION apply_together;
