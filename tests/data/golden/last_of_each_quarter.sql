SELECT
  year("ledger"."posted") || '-Q' || quarter("ledger"."posted") AS "quarter",
  sum("ledger"."amount") AS "total"
FROM "ledger"
WHERE "ledger"."dept" = 'Sales'
  AND "ledger"."posted" IN (
    SELECT max("ledger"."posted")
    FROM "ledger"
    WHERE "ledger"."dept" = 'Sales'
    GROUP BY year("ledger"."posted") || '-Q' || quarter("ledger"."posted")
  )
GROUP BY 1
ORDER BY "quarter" ASC NULLS LAST
LIMIT 200
