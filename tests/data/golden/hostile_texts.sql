WITH _grouped AS (
  SELECT
    "ledger"."dept" AS "d""; --",
    year("ledger"."posted") AS "y
  z",
    sum("ledger"."amount") AS "sum_amount"
  FROM "ledger"
  WHERE "ledger"."dept" <> 'O''Brien
  \''; DROP TABLE x; --'
  GROUP BY 1, 2
)
SELECT
  "d""; --",
  "y
  z",
  sum("sum_amount") OVER ("along_y
  z" ROWS UNBOUNDED PRECEDING) AS "' "" /* %"
FROM _grouped
WINDOW "along_y
  z" AS (PARTITION BY "d""; --" ORDER BY "y
  z")
ORDER BY "d""; --" ASC NULLS LAST, "y
  z" ASC NULLS LAST
LIMIT 200
