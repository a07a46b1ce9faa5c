SELECT
  median(CAST("ledger"."amount" AS DECIMAL(38, 3))) AS "middle"
FROM "ledger"
WHERE "ledger"."amount" IN (-60.05, 5)
LIMIT 200
