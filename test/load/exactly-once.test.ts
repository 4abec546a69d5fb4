import { openTestStore } from "../support/test-store.ts";
import { describeExactlyOnce } from "./exactly-once.ts";
import { plain, unique } from "./support.ts";

describeExactlyOnce(() => openTestStore([plain, unique]));
