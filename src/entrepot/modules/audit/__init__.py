"""What happened and who did it: the audit trail, the event store, parked events and their replay."""
