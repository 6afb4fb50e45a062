-- Modbus links of a gateway that other masters may use, by the link's name.
ALTER TABLE edge ADD COLUMN shares TEXT NOT NULL DEFAULT '{}';
