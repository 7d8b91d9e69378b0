-- Devices that are linked to a person. See 00001 for times.
-- +goose Up
ALTER TABLE site_consents ADD COLUMN linked bigint NOT NULL DEFAULT 0; -- seq of the act that linked it

-- Whose purposes do not follow their devices yet.
CREATE INDEX site_consents_to_bridge ON site_consents (tenant, person) WHERE person <> '' AND bridged < seq AND source <> 'ledger';

-- Codes on their way to who wants to link a device, one for each device.
CREATE TABLE device_codes (
	tenant  text COLLATE "C" NOT NULL,
	site    text COLLATE "C" NOT NULL,
	device  text COLLATE "C" NOT NULL, -- as in site_consents
	digest  text COLLATE "C" NOT NULL, -- of the address, as in code_limits
	mac     bytea NOT NULL, -- of the code, with all that it is for
	sealed  bytea NOT NULL, -- the address, under the tenant's key
	tries   bigint NOT NULL,
	expires bigint NOT NULL,
	PRIMARY KEY (tenant, site, device)
);

-- How far the devices of people follow what they said elsewhere.
CREATE TABLE device_cursors (
	tenant text COLLATE "C" NOT NULL PRIMARY KEY,
	seq    bigint NOT NULL -- the next record to be looked at
);
