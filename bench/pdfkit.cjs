// Draws the same pieces of text with pdfkit: node pdfkit.cjs <node_modules> <texts.json> <font> <rounds>
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const [modules, texts, font, rounds] = process.argv.slice(2);
const PDFDocument = createRequire(modules + "/x.js")("pdfkit");
const pages = JSON.parse(readFileSync(texts, "utf8"));

function draw() {
  return new Promise((done) => {
    const doc = new PDFDocument({ size: "A4", margin: 0, autoFirstPage: false });
    doc.on("data", () => {});
    doc.on("end", done);
    doc.registerFont("f", font);
    for (const page of pages) {
      doc.addPage();
      doc.font("f").fontSize(9);
      page.forEach((text, i) => doc.text(text, 40, 20 + (i * 780) / page.length, { lineBreak: false }));
    }
    doc.end();
  });
}

(async () => {
  const taken = [];
  for (let i = 0; i < Number(rounds) + 2; i++) {
    const began = performance.now();
    await draw();
    if (i >= 2) taken.push(performance.now() - began);
  }
  taken.sort((a, b) => a - b);
  console.log(taken[Math.floor(taken.length / 2)]);
})();
