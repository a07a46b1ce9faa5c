SELECT
  median("ledger"."amount") AS "middle"
FROM "ledger"
WHERE "ledger"."amount" IN (-60.05, 5)
LIMIT 200
