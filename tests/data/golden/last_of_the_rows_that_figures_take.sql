SELECT
  sum("ledger"."amount") FILTER (WHERE "ledger"."account_key" = 2) AS "rent",
  count(*) FILTER (WHERE "ledger"."dept" = 'Finance') AS "finance"
FROM "ledger"
WHERE "ledger"."posted" IN (
  SELECT max("ledger"."posted")
  FROM "ledger"
  WHERE (("ledger"."account_key" = 2) OR ("ledger"."dept" = 'Finance'))
)
LIMIT 200
