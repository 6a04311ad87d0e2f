// Runs before npm start, npm test and the command line, on whatever Node the machine has: keep the syntax old.
var needed = 24;
if (Number(process.versions.node.split('.')[0]) < needed) {
  console.error(
    'This needs Node ' +
      needed +
      ' and got ' +
      process.versions.node +
      ' (' +
      process.execPath +
      '). `npm ci` puts Node ' +
      needed +
      ' into node_modules; if it did and its install script was blocked, run `npm rebuild node`.',
  );
  process.exitCode = 1;
}
