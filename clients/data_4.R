# The sea floor in R, the language of statistics. It needs install.packages("rerddap"), once.
#     Rscript data_4.R http://localhost:8080
library(rerddap)

given <- commandArgs(trailingOnly = TRUE)
server <- if (length(given) > 0) given[1] else "http://localhost:8080"

about <- info("bathymetry", url = paste0(server, "/erddap/"))
floor <- griddap(about, y = c(0, 400), x = c(0, 600))$data
cat(sum(!is.na(floor$depth)), "squares sounded, their mean depth is",
    format(round(mean(floor$depth, na.rm = TRUE), 1), nsmall = 1), "m\n")

x <- sort(unique(floor$x))
y <- sort(unique(floor$y))
depth <- matrix(floor$depth[order(floor$y, floor$x)], length(x))
png("sea_floor_r.png", width = 1200, height = 800, res = 140)
colours <- function(n) hcl.colors(n, "viridis", rev = TRUE)
filled.contour(x, y, depth, asp = 1, color.palette = colours,
               plot.title = title("The sea floor, by R", xlab = "x (km)", ylab = "y (km)"))
invisible(dev.off())
