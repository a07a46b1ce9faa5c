WITH _grouped AS (
  SELECT
    "ledger"."dept" AS "dept",
    count(*) AS "rows"
  FROM "ledger"
  GROUP BY 1
), _figures AS (
  SELECT
    "dept",
    "rows",
    "rows" / nullif(sum("rows") OVER (), 0) AS "share"
  FROM _grouped
)
SELECT *
FROM _figures
WHERE "share" > 0.25
ORDER BY "share" DESC NULLS LAST, "dept" ASC NULLS LAST
LIMIT 200
