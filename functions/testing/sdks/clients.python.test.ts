import { expect, test } from "vitest";
import { testClients } from "./client-tests.ts";
import { pythonClients } from "./python-clients.ts";
import { useRig } from "./rig.ts";

const python = process.env.SDK_PYTHON;
test("the interpreter with the packages is named", () =>
  expect(python, "npm run test:python sets SDK_PYTHON").toBeTruthy());
if (python) testClients(useRig(), pythonClients(python));
