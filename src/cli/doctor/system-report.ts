/** What Node's diagnostic report says of the system. https://nodejs.org/api/report.html */
export interface SystemReport {
  /** "2.36"; undefined without glibc. */
  readonly glibc: string | undefined;
  /** How many files this process may have open. Node raises the limit to the hard one as it starts, and so does a server. */
  readonly openFiles: number;
}

export function readSystemReport(): SystemReport {
  // The types of Node don't have it yet: without it each of the machine's addresses is looked up by name.
  const settings = process.report as unknown as { excludeNetwork?: boolean };
  const excluded = settings.excludeNetwork ?? false;
  settings.excludeNetwork = true;
  try {
    const report = process.report.getReport() as unknown as Report;
    const soft = report.userLimits?.open_files?.soft;
    return {
      glibc: report.header.glibcVersionRuntime,
      openFiles: typeof soft === "number" ? soft : Number.POSITIVE_INFINITY,
    };
  } finally {
    settings.excludeNetwork = excluded;
  }
}

interface Report {
  readonly header: { readonly glibcVersionRuntime?: string };
  readonly userLimits?: { readonly open_files?: { readonly soft?: number | "unlimited" } };
}
