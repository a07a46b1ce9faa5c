WITH _grouped AS (
  SELECT
    strftime("ledger"."posted", '%Y-%m') AS "month",
    max("ledger"."posted") AS "max_posted"
  FROM "ledger"
  GROUP BY 1
)
SELECT
  "month",
  lag("max_posted") OVER "along_month" AS "last"
FROM _grouped
WINDOW "along_month" AS (ORDER BY "month")
ORDER BY "month" ASC NULLS LAST
LIMIT 200
