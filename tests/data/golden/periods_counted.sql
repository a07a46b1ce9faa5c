SELECT
  count(DISTINCT strftime("ledger"."posted", '%Y-%m')) AS "months",
  count(DISTINCT "ledger"."at") AS "days"
FROM "ledger"
LIMIT 200
