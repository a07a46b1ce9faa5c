WITH _grouped AS (
  SELECT
    strftime("ledger"."posted", '%Y-%m') AS "month",
    sum("ledger"."amount") AS "sum_amount",
    min(12 * year("ledger"."posted") + month("ledger"."posted")) AS "month_number"
  FROM "ledger"
  JOIN "accounts" ON "ledger"."account_key" = "accounts"."account_key"
  WHERE "ledger"."posted" IN (
    SELECT max("ledger"."posted")
    FROM "ledger"
    JOIN "accounts" ON "ledger"."account_key" = "accounts"."account_key"
    GROUP BY strftime("ledger"."posted", '%Y-%m')
  )
  GROUP BY 1
)
SELECT
  "month",
  CASE WHEN lag("month_number") OVER "along_month" = "month_number" - 1 THEN "sum_amount" - lag("sum_amount") OVER "along_month" END AS "change"
FROM _grouped
WINDOW "along_month" AS (ORDER BY "month")
ORDER BY "month" ASC NULLS LAST
LIMIT 200
