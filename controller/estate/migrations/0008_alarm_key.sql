-- When a condition held: the availability of a gateway or device is read from its alarms.
CREATE INDEX alarm_key ON alarm (workspace, key, raised_at);
