"""The transaction traps of OCPP, each under its number: `script/test -k trap_14` runs those of trap 14."""
