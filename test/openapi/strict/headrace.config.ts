import { z } from "zod";
import { conformanceProject } from "../project.ts";

export default conformanceProject(z.int32().max(100));
