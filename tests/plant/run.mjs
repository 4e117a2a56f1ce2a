// node tests/plant/run.mjs [--speed N] [--port N] [--address A] [--ports-file FILE]: runs the live plant until SIGTERM or SIGINT.
import { renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Plant } from './plant.mjs';

const { values } = parseArgs({
  options: {
    speed: { type: 'string', default: '60' }, port: { type: 'string', default: '0' }, address: { type: 'string', default: '127.0.0.1' }, 'ports-file': { type: 'string' },
  },
});
const speed = Number(values.speed), port = Number(values.port);
if (!(speed > 0 && speed <= 36000) || !(Number.isInteger(port) && port >= 0 && port <= 65530)) {
  process.stderr.write('usage: node tests/plant/run.mjs [--speed 0…36000 seconds of the plant a second] [--port 0…65530] [--address A] [--ports-file FILE]\n');
  process.exit(2);
}
const plant = await Plant.open();
const ports = await plant.listen({ address: values.address, port });
plant.run(speed);
console.log(`plant.running speed=${speed} ${Object.entries(ports).map(([name, p]) => `${name}=${p}`).join(' ')}`);
if (values['ports-file']) {
  writeFileSync(`${values['ports-file']}.new`, JSON.stringify(ports));
  renameSync(`${values['ports-file']}.new`, values['ports-file']); // whoever waits for it never reads a half
}
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    await plant.stop();
    process.exit(0);
  });
}
