-- Written for the schema that notes restores: one to a moment of long ago.
select store_restored('2025-11-24T16:00:00Z', 'ann', '20251124T155500Z');
