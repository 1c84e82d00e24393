# Detection probability against challenges: orrery bench proof --detect docs/figures/detection.tsv,
# then in docs/figures: gnuplot detection.gp
set terminal svg size 860,460 font "sans-serif,13" background rgb "white"
set output "detection.svg"
set datafile separator "\t"
set logscale x
set xrange [1:600]
set yrange [0:1.02]
set xlabel "challenged blocks"
set ylabel "probability that the host is caught"
set key outside right center title "blocks dropped" left Left reverse
set grid
array name[5] = ["0.1 %", "0.5 %", "1 %", "5 %", "20 %"]
array colour[5] = ["#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677"]
n = 20000.0
plot for [i=1:5] "detection.tsv" index i-1 using 2:3 with lines lw 2 lc rgb colour[i] title name[i], \
     for [i=1:5] "detection.tsv" index i-1 using 2:4:(1.96*sqrt($4*(1-$4)/n)) with yerrorbars \
       pt 7 ps 0.45 lc rgb colour[i] notitle, \
     1/0 with points pt 7 ps 0.45 lc rgb "black" title "20000 trials"
