SELECT
  "bills"."client" AS "client",
  avg(date_diff('day', CAST("bills"."issued" AS DATE), CAST("bills"."paid" AS DATE))) AS "mean",
  max(date_diff('day', CAST(DATE '2024-01-01' AS DATE), CAST("bills"."at" AS DATE))) AS "most"
FROM "bills"
WHERE "bills"."scenario" = 'Actual'
  AND "bills"."kind" = 'Flow'
GROUP BY 1
ORDER BY "client" ASC NULLS LAST
LIMIT 200
