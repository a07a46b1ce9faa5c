// Writes ledger.xlsb. Run it with Node.js where the npm package xlsx 0.18.5 is installed.
// That program writes compact cells, and dates as whole numbers with a format, as Excel does.
const xlsx = require("xlsx");
const path = require("path");

const day = (year, month, date) => ({ t: "n", v: (Date.UTC(year, month - 1, date) - Date.UTC(1899, 11, 30)) / 864e5, z: "yyyy-mm-dd" });
const share = (value) => ({ t: "n", v: value, z: "0.0%" });
const code = (value) => ({ t: "n", v: value, z: "00000" });
const rows = [
  ["00400", "Sales", day(2024, 1, 31), 1234.5, share(0.125), true, code(123), 1],
  ["00500", "Rent €", day(2024, 2, 29), -200, share(0.5), false, code(7), { t: "e", v: 7 }],
  ["00600", "Café", day(2024, 3, 31), { t: "n", v: 1034.5, f: "D2+D3" }, share(0), true, code(45678), 3],
];
const sheet = xlsx.utils.aoa_to_sheet([["Account", "Name", "Posted", "Amount", "Share", "Flag", "Code", "Ratio"]]);
const types = { string: "s", number: "n", boolean: "b" };
rows.forEach((cells, row) =>
  cells.forEach((value, column) => {
    sheet[xlsx.utils.encode_cell({ r: row + 1, c: column })] = typeof value === "object" ? value : { t: types[typeof value], v: value };
  }),
);
sheet["!ref"] = "A1:H4";
const partly = xlsx.utils.aoa_to_sheet([["Name", "Amount", "Note"], ["A", 1, "x"], ["B", 2, "y"], ["C", 3, "z"]]);
partly["!rows"] = [{}, {}, { hidden: true }];
partly["!cols"] = [{}, {}, { hidden: true }];
const book = {
  SheetNames: ["Ledger", "Empty", "Partly hidden"],
  Sheets: { Ledger: sheet, Empty: xlsx.utils.aoa_to_sheet([]), "Partly hidden": partly },
};
xlsx.writeFile(book, path.join(__dirname, "ledger.xlsb"), { bookType: "xlsb" });
